-- As Keycloak's migrations make them, less what the page does not read.
CREATE TABLE user_entity (id varchar(36) PRIMARY KEY, email varchar(255), email_verified boolean NOT NULL,
    enabled boolean NOT NULL, realm_id varchar(255), created_timestamp bigint);
CREATE TABLE credential (id varchar(36) PRIMARY KEY, type varchar(255), user_id varchar(36), created_date bigint,
    user_label varchar(255), secret_data text, credential_data text, priority integer);
