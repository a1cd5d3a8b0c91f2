"""Measurements that anyone can rerun; ratios are of the same run."""
