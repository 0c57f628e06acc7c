"""Whole studies on measured configurations of real networks and classifiers."""
