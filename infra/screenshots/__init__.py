"""`make screenshots`: the README's pictures of the pages, taken of a cluster that runs.

`scenes` is the table: a picture, its page, and what is done before it is taken. `studio` has the cluster and the
browser. Why: docs/decisions/0147-screenshots.md
"""
