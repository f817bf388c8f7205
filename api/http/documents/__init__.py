"""The routes' answers, as models: `/openapi.json` is written from them.

Answers are not made through these (many are bytes that the database finished); tests hold every answer to its model.
"""
