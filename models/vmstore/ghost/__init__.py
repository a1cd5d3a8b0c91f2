"""The proof's ghost values: what an address means, who may read and write it, what a cursor sees.

Plain immutable values with the specification's functions, each with its requires and ensures. The
ops do not use them; `of_view` makes them out of what the ops have done.
"""
