// What is left of the newest labels; what adaptation/residual_persistence.py calls.
#pragma once

namespace liquid {

// Settings by the names that adaptation/readout_settings.py explains.
struct PersistenceSettings {
  double noise_floor, variance_memory, persistence_memory, persistence_average_s;
};

// Sums of the regression of a residual on what could have been carried over, (outputs) each.
struct PersistenceSums {
  double *cross, *square, *variance;
};

// Takes labels, oldest first: what could have been carried over and what was left of them without,
// (rows, outputs), and how many independent samples each one is, 0 where not known.
void learn_persistence(const PersistenceSettings& settings, int rows, int outputs,
                       const double* carried, const double* residual, const double* counts,
                       const PersistenceSums& sums);

// Lets `newest` (outputs) follow what is left now of labels, (rows, outputs), of samples at stamp_s
// (rows); trust (rows, outputs): how much each counts, 0 where not known. labelled_s (outputs): when
// the newest label's sample was.
void follow_residuals(const PersistenceSettings& settings, int rows, int outputs,
                      const double* stamp_s, const double* residual, const double* trust,
                      double* newest, double* labelled_s);

}  // namespace liquid
