"""What the ops mean: which outcome each may have, and what it changes, in the store's own words.

An op named `segment_split` is the rule `segment_split` in the module of its area. A rule sees the
store and the view, never exec state. It returns None when the outcome is allowed and has then been
applied, or the outcome that would have been allowed.
"""
