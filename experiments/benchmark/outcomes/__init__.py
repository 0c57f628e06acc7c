"""Benchmark of several objectives and of limits on measured outcomes, compared with other libraries."""
