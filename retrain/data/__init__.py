"""Labelled frames as datasets: recordings, sets, what a version sees of them."""
