#include "tests/store/place.h"

#include "store/sqlite/test_file.h"

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

}  // namespace

std::unique_ptr<place> make_place(const std::string& kind) {
  if (kind == "sqlite") return std::make_unique<sqlite_place>();
  return nullptr;
}

}  // namespace hedgerow::store
