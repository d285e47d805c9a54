//! One loopback address for each pod.
//!
//! On Linux all of 127.0.0.0/8 is the loopback interface, so each pod can have an address of its own without any
//! right. The range is shared with other clusters on the machine: an address is claimed by holding a socket on it.
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use rand::Rng;

/// Pods live in 127.64.0.0/11: far from what people type by hand.
const FIRST: u32 = 0x7f40_0000;
/// Services have theirs above.
const COUNT: u32 = 1 << 21;
/// The UDP port that a claim occupies; a kubelet's own port, which no pod serves over UDP.
const CLAIM: u16 = 10250;
/// How many addresses are tried for one pod. With a free range the first fits; when a program listens on all
/// addresses, none does.
const TRIES: usize = 32;

/// Addresses in use, each with the socket that claims it.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    claims: BTreeMap<Ipv4Addr, UdpSocket>,
}

impl Addresses {
    /// Claims an address on which all `ports` are free: `wanted` if it can be had, any other otherwise.
    pub(crate) fn claim(&mut self, wanted: Option<Ipv4Addr>, ports: &[u16]) -> Result<Ipv4Addr, String> {
        let wanted = wanted.filter(|ip| (FIRST..FIRST + COUNT).contains(&u32::from(*ip)));
        let mut last = String::new();
        for ip in wanted.into_iter().chain(std::iter::repeat_with(any)).take(TRIES) {
            if self.claims.contains_key(&ip) {
                continue;
            }
            match try_claim(ip, ports) {
                Ok(socket) => {
                    self.claims.insert(ip, socket);
                    return Ok(ip);
                }
                Err(error) => last = error,
            }
        }
        Err(format!(
            "no address of 127.64.0.0/11 is free for this pod ({last}); a program that listens on 0.0.0.0 takes a \
             port on every address: stop it or change the container's port"
        ))
    }

    /// Gives an address back.
    pub(crate) fn release(&mut self, ip: Ipv4Addr) {
        self.claims.remove(&ip);
    }
}

/// Any address that is neither a network's first nor its last.
fn any() -> Ipv4Addr {
    let offset = rand::rng().random_range(0..COUNT);
    let [a, b, c, d] = Ipv4Addr::from(FIRST + offset).octets();
    Ipv4Addr::new(a, b, c, d.clamp(1, 254))
}

fn try_claim(ip: Ipv4Addr, ports: &[u16]) -> Result<UdpSocket, String> {
    let refused = |port: u16, error: &io::Error| format!("{ip}:{port}: {error}");
    let claim = UdpSocket::bind((ip, CLAIM)).map_err(|error| refused(CLAIM, &error))?;
    for &port in ports {
        TcpListener::bind((ip, port)).map_err(|error| refused(port, &error))?;
    }
    Ok(claim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_clusters_never_share_an_address() {
        let (mut one, mut other) = (Addresses::default(), Addresses::default());
        let ip = one.claim(None, &[]).unwrap();
        assert_ne!(other.claim(Some(ip), &[]).unwrap(), ip);
        one.release(ip);
        assert_eq!(other.claim(Some(ip), &[]).unwrap(), ip);
    }

    #[test]
    fn an_address_with_a_taken_port_is_passed_over() {
        let mut addresses = Addresses::default();
        let ip = addresses.claim(None, &[]).unwrap();
        addresses.release(ip);
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_ne!(addresses.claim(Some(ip), &[port]).unwrap(), ip);
    }

    #[test]
    fn a_port_taken_on_all_addresses_is_said() {
        let listener = TcpListener::bind(("0.0.0.0", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = Addresses::default().claim(None, &[port]).unwrap_err();
        assert!(error.contains(&format!(":{port}")) && error.contains("0.0.0.0"), "{error}");
    }
}
