#include "tests/store/place.h"

#include <cstdlib>

#include "store/postgres/postgres_connection.h"
#include "store/sqlite/test_file.h"
#include "tests/postgres/server.h"

namespace hedgerow::store {
namespace {

class sqlite_place final : public place {
 public:
  lanes::options open(const std::string& clock_epoch) override {
    return sqlite::in_file(file_, clock_epoch);
  }
  std::string query(const std::string& sql) override {
    return sqlite::test_connection(file_).query(sql);
  }
  std::string name() const override { return file_.native(); }

 private:
  temporary_folder folder_;
  std::filesystem::path file_ = folder_.path / "state" / "hedgerow.db";
};

// One server for the tests of this process, a database for each place.
class postgres_place final : public place {
 public:
  postgres_place() {
    static int last = 0;
    database_ = "place" + std::to_string(++last);
    server_.psql("CREATE DATABASE " + database_ + " OWNER owner");
  }
  lanes::options open(const std::string& clock_epoch) override {
    const auto to = postgres::parse(server_.url("owner", database_));
    if (!to) std::abort();
    return {.connect =
                [to = *to, clock_epoch] {
                  return std::make_unique<postgres::postgres_connection>(
                      postgres::postgres_connection::options{to, clock_epoch, {}});
                },
            .name = to->name};
  }
  std::string query(const std::string& sql) override { return server_.psql(sql, database_); }
  std::string name() const override { return database_; }

 private:
  postgres_test::postgres_server& server_ = postgres_test::postgres_server::shared();
  std::string database_;
};

}  // namespace

std::unique_ptr<place> make_place(const std::string& kind) {
  if (kind == "sqlite") return std::make_unique<sqlite_place>();
  return std::make_unique<postgres_place>();
}

}  // namespace hedgerow::store
