/** The two files that every variant adds: about as long as the product's. */
export const FILES = [
  ['LICENSE.txt', `This copy is licensed to Ada Lovelace.\n${'It may not be passed on.\n'.repeat(40)}`],
  ['README.txt', `Welcome, Ada!\n${'Read the licence first.\n'.repeat(20)}`],
];
