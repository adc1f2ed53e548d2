mod alarming;
mod buying;
mod downloading;
mod issuing;
mod mailing;
mod renewing;
