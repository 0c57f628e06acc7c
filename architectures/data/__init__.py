"""Real data sets without downloads, from scikit-learn, the standard library and Babel, split without leakage."""
