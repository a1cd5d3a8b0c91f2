"""The contracts that vostd's proof of the store trusts, as executable clauses over one call."""
