//! From a target to a changing set of endpoints, and the balancers over them.
