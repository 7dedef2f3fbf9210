//! Free ports on loopback.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    io,
    net::{Ipv4Addr, TcpListener},
    ops::Range,
};

/// Below the ports that systems hand out to outgoing connections (Linux from 32768, macOS from 49152). A port from
/// there could be taken while its server is stopped for a test; a client that keeps trying a closed port could even
/// be given that very port and connect to itself.
const RANGE: Range<u16> = 20_000..32_000;

/// `N` different ports that nothing listens on at present. Another process may take one before it is used: then the
/// server ends at once, and whoever starts it takes new ones.
pub(super) fn free<const N: usize>() -> io::Result<[u16; N]> {
    // Held until all are found, so that they differ.
    let mut listeners = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = bind()?;
        *port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok(ports)
}

fn bind() -> io::Result<TcpListener> {
    let mut last = None;
    for _ in 0..200 {
        // Each RandomState differs; that is random enough to keep processes apart.
        let random = RandomState::new().build_hasher().finish();
        let port = RANGE.start + (random % u64::from(RANGE.end - RANGE.start)) as u16;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::other("no free port")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ_and_are_free() {
        let ports: [u16; 20] = free().expect("free ports");
        let listeners: Vec<_> = ports
            .iter()
            .map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).expect("a free port"))
            .collect();
        assert_eq!(listeners.len(), 20);
        assert!(ports.iter().all(|port| RANGE.contains(port)));
    }
}
