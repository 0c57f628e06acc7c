"""Real data that needs no network: from scikit-learn, the standard library and Babel, split without leakage."""
