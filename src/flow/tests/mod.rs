mod buying;
mod downloading;
mod issuing;
mod renewing;
