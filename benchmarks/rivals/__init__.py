"""What we are measured beside: services as others would write them, deciding about our flags with a vendor's engine."""
