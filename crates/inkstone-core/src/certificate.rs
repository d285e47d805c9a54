//! The two facts of a certificate that we show: whose it is, and until when. What it is worth is rustls's business.
//!
//! X.509 as RFC 5280 has it, in DER. Nothing here decides anything: what cannot be read is not shown.

/// Names within a subject, and how people write them (RFC 4514).
const NAMES: [(&[u8], &str); 4] =
    [(&[0x55, 4, 3], "CN"), (&[0x55, 4, 10], "O"), (&[0x55, 4, 11], "OU"), (&[0x55, 4, 6], "C")];

const INTEGER: u8 = 0x02;
const OID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The subject: `CN=console,O=Platform`.
pub(crate) fn subject(certificate: &[u8]) -> Option<String> {
    let (_validity, mut names) = validity_and_subject(certificate)?;
    let mut shown = Vec::new();
    while let Some((_, mut set)) = element(&mut names) {
        while let Some((_, mut pair)) = element(&mut set) {
            let oid = expect(&mut pair, OID)?;
            let (_, value) = element(&mut pair)?;
            let name = NAMES.iter().find(|(known, _)| *known == oid);
            if let Some((_, name)) = name {
                // It goes into a log line.
                let value: String =
                    String::from_utf8_lossy(value).chars().filter(|c| !c.is_control()).take(100).collect();
                shown.push(format!("{name}={value}"));
            }
        }
    }
    (!shown.is_empty()).then(|| shown.join(","))
}

/// The end of its life, in seconds since 1970.
pub(crate) fn not_after(certificate: &[u8]) -> Option<u64> {
    let (mut validity, _subject) = validity_and_subject(certificate)?;
    let _not_before = element(&mut validity)?;
    let (tag, text) = element(&mut validity)?;
    let text = std::str::from_utf8(text).ok()?;
    // RFC 5280, 4.1.2.5.1: two digits below 50 are of this century.
    let text = match tag {
        UTC_TIME if text.as_bytes().first()? < &b'5' => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        _ => text.to_owned(),
    };
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    u64::try_from(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second()).ok()
}

fn validity_and_subject(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = certificate;
    let mut certificate = expect(&mut rest, SEQUENCE)?;
    let mut signed = expect(&mut certificate, SEQUENCE)?;
    if signed.first() == Some(&VERSION) {
        element(&mut signed)?;
    }
    let _serial = expect(&mut signed, INTEGER)?;
    let _algorithm = expect(&mut signed, SEQUENCE)?;
    let _issuer = expect(&mut signed, SEQUENCE)?;
    let validity = expect(&mut signed, SEQUENCE)?;
    Some((validity, expect(&mut signed, SEQUENCE)?))
}

fn expect<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    element(rest).filter(|(found, _)| *found == tag).map(|(_, content)| content)
}

/// Takes one element off the front: its tag and its content.
fn element<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&tag, after) = rest.split_first()?;
    let (&first, mut after) = after.split_first()?;
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        let bytes = usize::from(first & 0x7f);
        if bytes == 0 || bytes > 4 {
            return None;
        }
        let (digits, content) = after.split_at_checked(bytes)?;
        length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
        after = content;
    }
    let (content, after) = after.split_at_checked(length)?;
    *rest = after;
    Some((tag, content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> Vec<u8> {
        let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "console\n");
        parameters.distinguished_name.push(rcgen::DnType::OrganizationName, "Platform");
        parameters.not_after = rcgen::date_time_ymd(2031, 2, 3);
        let key = rcgen::KeyPair::generate().unwrap();
        parameters.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_subject_and_the_end_of_a_certificate_are_read() {
        let certificate = certificate();
        assert_eq!(subject(&certificate).as_deref(), Some("CN=console,O=Platform"));
        assert_eq!(not_after(&certificate), Some(1_927_843_200));
    }

    #[test]
    fn what_is_no_certificate_says_nothing_and_breaks_nothing() {
        let certificate = certificate();
        for end in 0..certificate.len() {
            assert_eq!(subject(&certificate[..end]), None, "{end}");
        }
        for at in 0..certificate.len() {
            let mut wrong = certificate.clone();
            for byte in [0, 0x80, 0x84, 0xff] {
                wrong[at] = byte;
                let _whatever = (subject(&wrong), not_after(&wrong));
            }
        }
    }
}
