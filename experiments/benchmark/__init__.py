"""jbo beside its peers: how near the minimum after how many evaluations, and what a suggestion costs."""
