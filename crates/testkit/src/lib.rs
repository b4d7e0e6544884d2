//! Test kit: repositories in memory, hostile servers, small wheels, Python environments. Never shipped.
