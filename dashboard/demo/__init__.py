"""Demo data: three customers, their people, keys in all states and months of believable usage."""
