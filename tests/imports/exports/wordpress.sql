-- As WordPress makes them, less what the page does not read. The phpass hash is the one that phpass is published with.
CREATE DATABASE wordpress;
USE wordpress;
CREATE TABLE wp_users (ID bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, user_pass varchar(255) NOT NULL,
    user_email varchar(100) NOT NULL, user_registered datetime NOT NULL DEFAULT '2019-05-01 00:00:00');
CREATE TABLE wp_usermeta (umeta_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    user_id bigint unsigned NOT NULL, meta_key varchar(255), meta_value longtext);
INSERT INTO wp_users (user_pass, user_email) VALUES
    ('$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0', 'phpass@example.com'),
    ('$wp$2y$10$Q1xinFjrZeLWJBvxviIL6u834Fu.evIEFHAUVisQ5O.w9Dm0sMdES', 'bcrypt@example.com'),
    ('5f4dcc3b5aa765d61d8327deb882cf99', 'md5@example.com'),
    ('$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0', '');
INSERT INTO wp_usermeta (user_id, meta_key, meta_value) VALUES (2, '_two_factor_totp_key', 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP');
