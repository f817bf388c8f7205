"""The dashboards: overview with service levels, gateways, API and database, Redis and balancer; and load tests."""

from infra.monitoring.boards.api_and_database import API_AND_DATABASE
from infra.monitoring.boards.gateways import GATEWAYS_BOARD
from infra.monitoring.boards.load_tests import LOAD_TESTS
from infra.monitoring.boards.overview import OVERVIEW
from infra.monitoring.boards.redis_and_balancer import REDIS_AND_BALANCER

BOARDS = (OVERVIEW, GATEWAYS_BOARD, API_AND_DATABASE, REDIS_AND_BALANCER, LOAD_TESTS)
