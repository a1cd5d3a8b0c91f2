"""Mutation testing of the oracle: small changes to the exec layer that a run should notice."""
