"""How gunicorn serves us; it reads this module as its configuration (names it does not know it ignores)."""

import gc
from typing import Any

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


def post_worker_init(_worker: Any) -> None:
    """Take what is loaded by now out of the garbage collector's sight: it stays as long as the process.

    Each full collection walked 200,000 objects of libraries and settings for 0.1 to 0.4 s, in which all threads stood still.
    """
    from django.urls import get_resolver

    _ = get_resolver().url_patterns  # the views, which would come with the first request otherwise
    gc.collect()
    gc.freeze()
