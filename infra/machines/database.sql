-- The database and its owner, once, as PostgreSQL's superuser. CREATEROLE: for `bellwire role-settings`.
CREATE ROLE bellwire LOGIN CREATEROLE PASSWORD 'POSTGRES_PASSWORD';
CREATE DATABASE bellwire OWNER bellwire;
