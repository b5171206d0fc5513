#include <hedgerow/store.h>

#include "tools/commands.h"
#include "tools/exit_codes.h"
#include "tools/output.h"

namespace hedgerow::tools {

int run_store_sql(const std::string& role) {
  const auto printed = print(postgres_setup_sql(role));
  return printed ? exit_done : complain(printed.error());
}

}  // namespace hedgerow::tools
