"""What the code does: algorithms transcribed one module per upstream file, checks in its order.

An op named `segment_split` is the function `segment_split` in the module of its area. Nothing here
counts owners or marks what it touched: that is the job of the store, the view and the journal.
"""
