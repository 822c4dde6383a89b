-- As Supabase's migrations make them, less what the page does not read.
CREATE SCHEMA auth;
CREATE TYPE auth.factor_type AS ENUM ('totp', 'webauthn', 'phone');
CREATE TYPE auth.factor_status AS ENUM ('unverified', 'verified');
CREATE TABLE auth.users (id uuid PRIMARY KEY, email varchar(255), encrypted_password varchar(255),
    email_confirmed_at timestamptz, created_at timestamptz, banned_until timestamptz, deleted_at timestamptz);
CREATE TABLE auth.mfa_factors (id uuid DEFAULT gen_random_uuid(), user_id uuid, friendly_name text,
    factor_type auth.factor_type, status auth.factor_status, created_at timestamptz DEFAULT now(), secret text);
INSERT INTO auth.users VALUES
    ('a0000000-0000-0000-0000-000000000000', 'a@example.com', '$2b$04$EdxPZ4EwITuXTqygFWyHNOCpfo0/GGui4Ob9Thmjjvkqs39/tWX0S', now(), '2019-05-01', NULL, NULL),
    ('b0000000-0000-0000-0000-000000000000', 'b@example.com', '', NULL, '2019-05-01', now() + '1 day', NULL),
    ('c0000000-0000-0000-0000-000000000000', 'c@example.com', '', NULL, '2019-05-01', NULL, now());
INSERT INTO auth.mfa_factors (user_id, factor_type, status, secret) VALUES
    ('a0000000-0000-0000-0000-000000000000', 'totp', 'verified', 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'),
    ('a0000000-0000-0000-0000-000000000000', 'totp', 'unverified', 'AAAAAAAAAAAAAAAA');
