//! The verifying client: HTTP updater, trusted state on disk, loopback proxy for installers.
