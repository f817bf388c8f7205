"""The supply chain: digests of images, and known weaknesses of what is locked."""
