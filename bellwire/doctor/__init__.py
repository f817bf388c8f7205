"""`bellwire doctor`: would a pod with these settings serve well here? Facts are collected, judged, and told."""
