"""Campaigns that are kept in a folder: their log, corpus, workers, stages and history."""
