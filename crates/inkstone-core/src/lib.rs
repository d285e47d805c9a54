//! App, Component, Server: what a service is made of, how it starts and how it stops.
