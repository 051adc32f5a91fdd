"""How gunicorn serves us; it reads this module as its configuration (names it does not know it ignores)."""

from synthlab.env import env

wsgi_app = "synthlab.wsgi:application"
worker_class = "gthread"
workers = env.int("SYNTHLAB_WEB_WORKERS", 2)
threads = env.int("SYNTHLAB_WEB_THREADS", 8)
timeout = 120
graceful_timeout = 8
keepalive = 5
max_requests = 5000
max_requests_jitter = 500
# A second door that nobody asked for.
control_socket_disable = True
