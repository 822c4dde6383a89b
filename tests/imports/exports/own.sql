CREATE TABLE users (id integer, email text, password_sha256 text, salt text);
INSERT INTO users VALUES (1, 'a@example.com', '60f94b3e1dc8b50fa0df98d91d52a8ad3ba752650feb72da1dd19f0eb91e8525', 'salt');
