<?php // Stands in for Laravel: rows of its table, and hashes that PHP itself makes.
namespace Illuminate\Support\Facades {
    class DB {
        static function table($name) { return new DB; }
        function orderBy($column) { return $this; }
        function cursor() {
            yield (object) ["id" => 1, "email" => "ada@example.com", "email_verified_at" => "2019-05-01 00:00:00",
                "created_at" => "2019-05-01 00:00:00", "two_factor_secret" => "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
                "password" => password_hash("the password of ada", PASSWORD_BCRYPT, ["cost" => 4]),
                "two_factor_confirmed_at" => "2019-05-01 00:00:00"];
            yield (object) ["id" => 2, "email" => "b@example.com", "email_verified_at" => null, "created_at" => null,
                "password" => null, "two_factor_secret" => "x", "two_factor_confirmed_at" => null];
        }
    }
}
namespace { function decrypt($text) { return $text; } require 'export_people.php'; }
