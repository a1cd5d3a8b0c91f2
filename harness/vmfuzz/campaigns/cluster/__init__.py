"""Workers of a campaign on the nodes of a Ray cluster."""
