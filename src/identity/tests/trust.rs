//! Tenants and keys that cannot be configured (A2: no start without audience and issuer).

use super::*;

fn refused(tenant: TrustedTenant) -> TrustError {
    Trust::new([tenant]).unwrap_err()
}

#[test]
fn tenants() {
    let good = second_tenant;
    let tenant = good().tenant;
    assert!(Trust::new([good()]).is_ok());
    assert_eq!(Trust::new([]).unwrap_err(), TrustError::Nobody);
    let error = Trust::new([good(), good()]).unwrap_err();
    assert_eq!(error, TrustError::RepeatedTenant(tenant));
    let authority = "https://login.microsoftonline.com";
    let issuers = [
        String::new(),
        authority.to_owned(),
        format!("{authority}/{SECOND_TENANT}/v2.0/"),
        format!("{authority}/{SECOND_TENANT}"),
        format!("{authority}/common/v2.0"),
        format!("{authority}/{DEVELOPMENT_TENANT}/v2.0"),
        format!("{authority}/x/{SECOND_TENANT}/v2.0"),
        format!("https:///{SECOND_TENANT}/v2.0"),
        format!("http://login.microsoftonline.com/{SECOND_TENANT}/v2.0"),
    ];
    for issuer in issuers {
        let spoilt = TrustedTenant { issuer, ..good() };
        assert_eq!(refused(spoilt), TrustError::Issuer(tenant));
    }
    for audience in ["", "api://x", "00000000-0000-0000-0000-000000000000", "*"] {
        let audience = audience.to_owned();
        let spoilt = TrustedTenant { audience, ..good() };
        assert_eq!(refused(spoilt), TrustError::Audience(tenant));
    }
    for world in [
        "9188040d-6c67-4c5b-b112-36a304b66dad",
        "00000000-0000-0000-0000-000000000000",
    ] {
        let tenant = TenantId::new(world.parse().unwrap());
        let issuer = format!("{authority}/{world}/v2.0");
        let spoilt = TrustedTenant {
            tenant,
            issuer,
            ..good()
        };
        assert_eq!(refused(spoilt), TrustError::NotOneOrganisation(tenant));
    }
}

#[test]
fn keys() {
    let exponent = [1, 0, 1];
    let short = VerificationKey::rsa(&[0xff; 128], &exponent);
    assert_eq!(short.unwrap_err(), KeyError::TooShort);
    // Leading zeros do not make a key longer.
    let mut padded = vec![0; 128];
    padded.extend([0xff; 128]);
    let padded = VerificationKey::rsa(&padded, &exponent);
    assert_eq!(padded.unwrap_err(), KeyError::TooShort);
    assert!(VerificationKey::rsa(&[0xff; 256], &exponent).is_ok());
    for (modulus, exponent) in [
        (&[0xff; 1024][..], &exponent[..]),
        (&[][..], &exponent[..]),
        (&[0xff; 256][..], &[][..]),
        (&[0xff; 256][..], &[1][..]),
        (&[0xff; 256][..], &[0xff; 9][..]),
    ] {
        let key = VerificationKey::rsa(modulus, exponent);
        assert_eq!(key.unwrap_err(), KeyError::NotRsa);
    }
}
