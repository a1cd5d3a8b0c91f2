"""Engines: sources of traces behind one interface. Each yields the same findings with traces."""
