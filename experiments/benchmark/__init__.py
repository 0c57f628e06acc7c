"""jbo compared with other libraries: distance from the minimum by number of evaluations, and time per suggestion."""
