"""What `make bench` runs: the gateway and what it is compared with, in one run on one machine."""
