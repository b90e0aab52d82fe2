"""One region on one machine: a real engine and API server, a local AWS, and stand-ins for the provider plugins.

`python -m lab up|preview|refresh|down|status` drives one instance per stack below `.lab/<stack>/`; several can run
at once. Everything listens on loopback, and `down` leaves nothing behind. Linux only: /proc says which process is
which. Nothing schedules or runs pods.
"""
