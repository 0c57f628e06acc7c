"""Several objectives and limits on what is measured, beside the peers."""
