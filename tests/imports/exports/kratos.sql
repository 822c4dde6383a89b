-- As Ory Kratos' migrations make them, less what the page does not read.
CREATE TABLE identities (id uuid PRIMARY KEY, traits jsonb NOT NULL, state varchar(255));
CREATE TABLE identity_credential_types (id uuid PRIMARY KEY, name varchar(32) NOT NULL);
CREATE TABLE identity_credentials (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), config jsonb NOT NULL,
    identity_credential_type_id uuid NOT NULL, identity_id uuid NOT NULL);
CREATE TABLE identity_verifiable_addresses (value varchar(400), verified boolean, identity_id uuid);
INSERT INTO identities VALUES
    ('a0000000-0000-0000-0000-000000000000', '{"email": "a@example.com"}', 'active'),
    ('b0000000-0000-0000-0000-000000000000', '{"email": "b@example.com"}', 'inactive'),
    ('c0000000-0000-0000-0000-000000000000', '{"phone": "1"}', 'active');
INSERT INTO identity_credential_types VALUES
    ('10000000-0000-0000-0000-000000000000', 'password'), ('20000000-0000-0000-0000-000000000000', 'totp');
INSERT INTO identity_credentials (identity_id, identity_credential_type_id, config) VALUES
    ('a0000000-0000-0000-0000-000000000000', '10000000-0000-0000-0000-000000000000',
     '{"hashed_password": "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$7ntYr6ivPUBGnrS+VdV9fLsVV5ughA51/IFQ3LRlVds"}'),
    ('a0000000-0000-0000-0000-000000000000', '20000000-0000-0000-0000-000000000000',
     '{"totp_url": "otpauth://totp/K:a@example.com?algorithm=SHA1&digits=6&issuer=K&period=30&secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}');
INSERT INTO identity_verifiable_addresses VALUES
    ('a@example.com', true, 'a0000000-0000-0000-0000-000000000000');
