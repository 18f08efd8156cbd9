"""What a request costs: mock provider, load generator, report."""
