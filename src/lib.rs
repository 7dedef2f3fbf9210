//! Keeps authentik's flows as Kubernetes resources.
