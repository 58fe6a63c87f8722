"""The alternatives: what somebody would write by hand instead of running StreamRank, each at its best."""
