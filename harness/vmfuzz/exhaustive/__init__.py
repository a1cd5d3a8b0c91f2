"""Every trace up to a depth over a stated alphabet, in a tiny world.

States that differ in nothing but the ids of handles are one state: `canonical` decides that,
`search` walks them breadth first, `snapshot` goes back to a state after each op that was tried.
"""
