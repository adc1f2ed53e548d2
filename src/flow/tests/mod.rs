mod buying;
mod downloading;
mod issuing;
