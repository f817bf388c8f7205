"""Programs beside a Bellwire installation, to be read and taken over. They know its public contract alone."""
